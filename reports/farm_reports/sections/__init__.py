"""One file per section of the page: results in, the words and figures a template prints out."""
