"""Objects on S3: a bucket and credentials for each tenant; needs the extra ``s3``."""
