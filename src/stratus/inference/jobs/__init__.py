"""Jobs of the command line: any pile of crystals to one table."""
