"""One file per step of the schema; a step that has been released is never edited."""
