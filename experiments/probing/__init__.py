"""What pitch trackers do with sounds whose pitch is known exactly."""
