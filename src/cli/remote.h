/* The Hugging Face Hub, or what HF_ENDPOINT names in its place: what a repository holds and where its files are. */
#pragma once
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

/* Zero-initialise; remote_close ends it. */
typedef struct {
    buffer endpoint;            /* $HF_ENDPOINT or https://huggingface.co, without a final slash */
    buffer token;               /* $HF_TOKEN or the one that Hugging Face's own tool saved; empty: none */
} remote;

typedef struct {
    const char *path;           /* safe to create below a directory */
    const char *sha256;         /* "" where the Hub does not tell it */
    uint64_t    bytes;
} remote_file;

/* Zero-initialise; remote_repo_free ends it and its texts. */
typedef struct {
    const char  *commit;        /* 40 hexadecimal digits */
    remote_file *files;
    const char **paths;         /* of the same files */
    size_t n;
    arena  texts;
} remote_repo;

/* token: from the command line, or NULL. */
int  remote_open(remote *r, const char *token, error *err);
void remote_close(remote *r);
const char *remote_token(const remote *r);      /* NULL: none */

/* Asks for the files of a repository at a branch, tag or commit. */
int  remote_files(const remote *r, const char *repo, const char *revision, remote_repo *out, error *err);
void remote_repo_free(remote_repo *repo);

/* Appends the address of a file. */
int  remote_url(const remote *r, const char *repo, const char *commit, const char *path, buffer *out, error *err);
