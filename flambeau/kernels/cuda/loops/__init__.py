"""From a formula's program to a kernel that takes many arrays at once."""
