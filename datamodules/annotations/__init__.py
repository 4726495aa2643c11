"""What is known of a recording's pitch: f0 series, and the only readers and writers of their files."""
