"""Fetching submissions from where suppliers leave them (S3, SFTP, HTTPS) into the inbox, whole or not at all."""
