"""What a report says, as tables of texts and as sentences; nothing here knows a format."""
