"""What belongs to the whole process: threads, memory, locks, interrupts and imports."""
