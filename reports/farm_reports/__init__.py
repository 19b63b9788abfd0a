"""From stored data to a verdict, and from the verdict to the page and its exports."""
