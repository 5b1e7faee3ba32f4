/* The Hugging Face cache on this disk, in the layout that huggingface_hub reads and writes too:
 *
 *     models--USER--REPOSITORY/blobs/SHA256               a file's bytes, once; SHA256.incomplete while they arrive
 *                              snapshots/COMMIT/PATH      a symbolic link to a blob
 *                              refs/main                  the commit that a branch meant when it was asked last
 *     .locks/models--USER--REPOSITORY/SHA256.lock         held while a blob is written
 *
 * Its root is $HF_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

/* Append a path to *out. repo: "user/repository". */
int store_root(buffer *out, error *err);
int store_repo(const char *repo, buffer *out, error *err);
int store_blob(const char *repo, const char *sha256, const char *suffix, buffer *out, error *err);
int store_snapshot(const char *repo, const char *commit, const char *file, buffer *out, error *err);

/* Appends the directory of Hugging Face's own settings: $HF_HOME or its default. */
int store_settings(buffer *out, error *err);

/* Makes the directories of a blob and waits until nobody else writes it, saying so on stderr; *lock is for store_unlock. */
int  store_lock(const char *repo, const char *sha256, int *lock, error *err);
void store_unlock(int lock);

/* Gives a finished SHA256.incomplete its name. */
int store_finish(const char *repo, const char *sha256, error *err);
/* Makes snapshots/COMMIT/FILE a link to the blob, in one step. */
int store_link(const char *repo, const char *commit, const char *file, const char *sha256, error *err);
/* Writes refs/REF; with `only_new` an existing one stays. */
int store_ref(const char *repo, const char *ref, const char *commit, bool only_new, error *err);

/* The size of the regular file at path (links are followed); false where there is none. */
bool store_size(const char *path, uint64_t *bytes);

/* RIDGE_E_IO with a sentence where the file system that holds `directory` has less than `bytes` left. */
int store_check_room(const char *directory, uint64_t bytes, error *err);

/* Writes all n bytes; path is for the sentence that an error gets. */
int store_write(int file, const void *data, size_t n, const char *path, error *err);
