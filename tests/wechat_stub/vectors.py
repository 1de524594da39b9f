"""Seals, opens, checks and reads callbacks by wechatpy: JSON tasks on standard input, one a line."""

import json
import sys

from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatException
from wechatpy.utils import check_signature


def seal(task):
    crypto = WeChatCrypto(task["token"], task["aes_key"], task["appid"])
    return crypto.encrypt_message(task["text"], task["nonce"], task["timestamp"])


def opened(task):
    crypto = WeChatCrypto(task["token"], task["aes_key"], task["appid"])
    return crypto.decrypt_message(
        task["body"], task["signature"], task["timestamp"], task["nonce"]
    )


def check(task):
    check_signature(task["token"], task["signature"], task["timestamp"], task["nonce"])
    return True


def read(task):
    message = parse_message(task["text"])
    return {
        "kind": type(message).__name__,
        "source": message.source,
        "target": message.target,
        "time": int(message.create_time.timestamp()),
        "scene": getattr(message, "scene_id", None),
        "ticket": getattr(message, "ticket", None),
    }


DO = {"seal": seal, "open": opened, "check": check, "read": read}

for line in sys.stdin:
    task = json.loads(line)
    try:
        done = {"done": DO[task["do"]](task)}
    except WeChatException as error:
        done = {"refused": type(error).__name__}
    print(json.dumps(done))
