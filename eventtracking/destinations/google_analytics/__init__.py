"""What Google Analytics 4 takes: names, parameters and identities, made from any event."""
