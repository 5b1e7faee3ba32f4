/* Files: read-only mappings, whole files as text, directories made on the way, and where a user's files belong. */
#pragma once
#include "base/error.h"
#include "base/buffer.h"

/* A file mapped read-only. `data` is valid until mapped_file_close. */
typedef struct {
    const unsigned char *data;
    size_t size;
    char  *path;            /* as given to open; owned */
} mapped_file;

int  mapped_file_open(mapped_file *f, const char *path, error *err);
void mapped_file_close(mapped_file *f);
/* Tells the system that [from, from + bytes) will not be needed soon: its pages leave this process's memory. */
void mapped_file_drop(const mapped_file *f, size_t from, size_t bytes);
/* Brings [from, from + bytes) into memory and into this process's page table, so that reading it later costs no fault. */
void mapped_file_touch(const mapped_file *f, size_t from, size_t bytes);

/* Appends the whole file to *out; RIDGE_E_IO naming path, or RIDGE_E_UNSUPPORTED above max_bytes. "-" reads standard input. */
int read_whole_file(const char *path, size_t max_bytes, buffer *out, error *err);
/* Writes to a temporary file beside path, syncs, then renames: path holds the old or the new content, never a mixture. */
int write_whole_file(const char *path, const void *data, size_t n, error *err);
/* mkdir -p. */
int make_directories(const char *path, error *err);

/* Append a user's directory to *out, from the XDG variable or its default under $HOME; no trailing slash. */
int files_cache_directory(buffer *out, error *err);         /* $XDG_CACHE_HOME/ridge or ~/.cache/ridge */
int files_state_directory(buffer *out, error *err);         /* $XDG_STATE_HOME/ridge or ~/.local/state/ridge */
