"""What is learnt from corrections."""
