"""What crosses process boundaries: topics, records, dead-letter headers, published schemas."""
