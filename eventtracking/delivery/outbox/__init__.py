"""Where events wait until they arrived: in memory, or in files that outlive the process."""
