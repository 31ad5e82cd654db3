"""What is optimised: factories that bind hyper-parameters and return an Objective."""
