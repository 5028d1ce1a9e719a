"""What keeps sensors current: looks at the world from time to time, on the leader only, and reports what is news."""
