"""What the Open edX platform kept to itself. Import the file; this package imports none of them."""
