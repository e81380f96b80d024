# SPDX-License-Identifier: BSD-3-Clause
"""Heads of HTTP messages for fuzz_http.c."""


def request(*fields, line=b"POST /vireo/v1/exec HTTP/1.1"):
    return b"\r\n".join((line,) + fields) + b"\r\n\r\n"


def answer(*fields, line=b"HTTP/1.1 200 OK"):
    return request(*fields, line=line)


def seeds():
    length = b"Content-Length: "
    return {
        "empty": b"",
        "get": request(line=b"GET /vireo/v1/vm HTTP/1.1"),
        "old": request(line=b"GET / HTTP/1.0"),
        "body": request(b"Host: x", length + b"5") + b"{...}",
        "largest": request(length + b"1048576"),
        "larger": request(length + b"1048577"),
        "huge": request(length + b"99999999999999999999999"),
        "twice": request(length + b"1", length + b"1"),
        "blanks": request(b"content-length:\t 7 \t", b"A:"),
        "no-length": request(b"Content-Length:"),
        "sign": request(length + b"-1"),
        "chunked": request(b"Transfer-Encoding: chunked"),
        "folded": request(b"A: b", b" c"),
        "no-name": request(b": b"),
        "no-colon": request(b"A"),
        "control": request(b"A: \x01"),
        "long": request(b"A: " + b"b" * 9000),
        "long-line": b"G" * 9000,
        "long-method": request(line=b"METHODMETHODMETHOD / HTTP/1.1"),
        "long-path": request(line=b"GET /" + b"a" * 200 + b" HTTP/1.1"),
        "bare": b"GET / HTTP/1.1\n\n",
        "no-path": request(line=b"GET x HTTP/1.1"),
        "one-word": request(line=b"GET"),
        "bad-method": request(line=b"G(T / HTTP/1.1"),
        "version": request(line=b"GET / HTTP/9.9"),
        "no-version": request(line=b"GET / TTP"),
        "cut": request(b"A: b")[:-3],
        "answer": answer(length + b"2") + b"{}",
        "answer-upgrade": answer(b"Upgrade: x", line=b"HTTP/1.1 101 S"),
        "answer-low": answer(line=b"HTTP/1.1 99 x"),
        "answer-high": answer(line=b"HTTP/1.1 600 x"),
        "answer-long": answer(line=b"HTTP/1.1 2000 x"),
        "answer-odd": answer(line=b"HTTP/1.1 20a x"),
        "answer-unknown": answer(line=b"HTTP/1.1 299 x"),
    }
