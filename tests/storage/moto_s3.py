"""Moto's S3 on a free port, with a bucket and a user who may do in it what a server needs to.

Told `strict`, it checks signatures and rights, with Amazon's own code for the former; told `open`,
it checks nothing, as a bucket that everybody may read. Ends with whoever started it.
"""
import json
import sys

import boto3
import requests
from moto.server import ThreadedMotoServer

BUCKET = "codes"
RIGHTS = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"]


def user(iam, name, rights):
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": rights, "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
    while True:
        key = iam.create_access_key(UserName=name)["AccessKey"]
        # Signs that mean something in a URL, in JSON or in base64 must do no harm.
        if "+" in key["SecretAccessKey"] and "/" in key["SecretAccessKey"]:
            return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])


server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
admin = {
    "endpoint_url": url,
    "region_name": "us-east-1",
    "aws_access_key_id": "admin",
    "aws_secret_access_key": "admin",
}
s3 = boto3.client("s3", **admin)
s3.create_bucket(Bucket=BUCKET)
iam = boto3.client("iam", **admin)
told = {
    "url": url,
    "bucket": BUCKET,
    "writer": user(iam, "writer", RIGHTS),
    "reader": user(iam, "reader", ["s3:GetObject"]),
}
if sys.argv[1] == "strict":
    requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
else:
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:*"}
    statement = {**everybody, "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
print(json.dumps(told), flush=True)
sys.stdin.read()
