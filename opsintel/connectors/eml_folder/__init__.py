"""Folders of single mail files."""
