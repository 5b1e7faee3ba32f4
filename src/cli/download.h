/* HTTP for model files, by libcurl: a file that is resumed where it broke off and checked against its SHA-256, and short texts. */
#pragma once
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

typedef struct {
    const char *url;
    const char *token;          /* sent to the URL's host and to no other; NULL: none */
    const char *path;           /* grows here; left behind after a failure, so that the next call goes on */
    const char *label;          /* for the progress bar */
    uint64_t    bytes;          /* the whole file's size */
    const char *sha256;         /* 64 hexadecimal digits */
} download_request;

/* Downloads the rest of the file at path, with a progress bar, trying again where the connection is lost. When it returns 0 the file
 * is complete, on disk and has that SHA-256. After a wrong SHA-256 the file is removed. */
int download(const download_request *request, error *err);

/* Appends what a URL answers to *out, at most out->limit bytes. */
int download_text(const char *url, const char *token, buffer *out, error *err);

/* Appends text to *out as it must be written inside a URL's path; slashes stay. */
void download_append_escaped(buffer *out, const char *text);
