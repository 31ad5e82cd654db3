"""The suites that come with genbench, one TOML file each."""
