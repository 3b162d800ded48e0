"""The read API, its log-in and the built dashboard. It never imports the pipeline."""
