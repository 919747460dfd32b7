"""What is shown: progress bars, objects as code and as HTML, and the streams that it goes to."""
