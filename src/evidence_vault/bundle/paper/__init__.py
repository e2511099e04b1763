"""Reports on paper: PDF/A files for people who read, print and file.

They are made from the same facts as everything else in a bundle, and prove nothing by themselves.
"""
