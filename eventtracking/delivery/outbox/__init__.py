"""Keep events until they are delivered: in memory, or in files that outlive the process."""
