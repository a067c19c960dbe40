"""Views: other shapes of the same memory."""
