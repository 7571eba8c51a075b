"""What a host and its pool say to each other, and the drivers of the toolstacks."""
