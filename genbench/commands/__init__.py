"""The commands, one file each: its parser and its body. Heavy imports wait inside the bodies."""
