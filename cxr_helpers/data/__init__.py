"""The images, from files to arrays: where they are found, how they are read, described, enhanced, packed and divided."""
