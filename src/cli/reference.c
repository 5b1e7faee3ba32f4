/* user/repository[:quant]: see reference.h. */
#define _GNU_SOURCE
#include "cli/reference.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters_of_names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* The length of the name at text; 0 where it is not one: the Hub allows letters, digits and ". _ -", and no dots in front. */
static size_t name_length(const char *text) { return text[0] == '.' ? 0 : strspn(text, letters_of_names); }

bool reference_parse(const char *text, reference *out) {
    const size_t user = name_length(text);
    if (!user || text[user] != '/') return false;
    const size_t name = name_length(text + user + 1), n = user + 1 + name;
    if (!name || (text[n] && text[n] != ':') || n >= sizeof out->repo || strstr(text, "..")) return false;
    const char *quant = text[n] ? text + n + 1 : "";
    if (strlen(quant) >= sizeof out->quant || (text[n] && !*quant)) return false;
    snprintf(out->repo, sizeof out->repo, "%.*s", (int)n, text);
    snprintf(out->quant, sizeof out->quant, "%s", quant);
    return true;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool reference_matches(const char *path, const char *quant) {
    if (!*quant) return false;
    if (!strcasecmp(path, quant) || !strcasecmp(base_name(path), quant)) return true;
    const size_t n = strlen(quant);
    for (const char *p = strcasestr(path, quant); p; p = strcasestr(p + 1, quant)) {
        const bool starts = p == path || !isalnum((unsigned char)p[-1]);
        const bool ends = !isalnum((unsigned char)p[n]) && p[n] != '_';     /* Q4_K is not Q4_K_M */
        if (starts && ends) return true;
    }
    return false;
}

bool reference_is_model(const char *path) {
    const size_t n = strlen(path);
    const char *name = base_name(path);
    return n > 5 && !strcasecmp(path + n - 5, ".gguf") && strncasecmp(name, "mmproj", 6) && !strcasestr(name, "imatrix");
}

bool reference_split(const char *path, unsigned *part, unsigned *parts) {
    static const char form[] = "-00000-of-00000.gguf";
    const size_t n = strlen(path), tail = sizeof form - 1;
    if (n <= tail) return false;
    const char *p = path + n - tail;
    for (size_t i = 0; i < tail; i++)
        if (form[i] == '0' ? !isdigit((unsigned char)p[i]) : form[i] != p[i]) return false;
    *part = (unsigned)strtoul(p + 1, NULL, 10);
    *parts = (unsigned)strtoul(p + 10, NULL, 10);
    return *part >= 1 && *part <= *parts;
}

void reference_split_part(char *path, unsigned part) {
    char digits[6];
    snprintf(digits, sizeof digits, "%05u", part % 100000);
    memcpy(path + strlen(path) - 19, digits, 5);
}

ptrdiff_t reference_choose(const char *const *paths, size_t n, const char *quant) {
    ptrdiff_t first = -1;
    for (size_t i = 0; i < n; i++) {
        unsigned part, parts;
        if (!reference_is_model(paths[i]) || (reference_split(paths[i], &part, &parts) && part != 1)) continue;
        if (reference_matches(paths[i], *quant ? quant : "Q4_K_M")) return (ptrdiff_t)i;
        if (first < 0) first = (ptrdiff_t)i;
    }
    return *quant ? -1 : first;
}

/* Whether the n letters at p are how a weight format is written: F16, BF16, F32, Q4_0, IQ2_XXS, MXFP4 ... */
static bool is_quant(const char *p, size_t n) {
    static const char *const whole[] = { "F16", "BF16", "F32", "MXFP4" };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (n == strlen(whole[i]) && !strncasecmp(p, whole[i], n)) return true;
    if (n && (*p == 'I' || *p == 'i')) { p++; n--; }
    return n >= 3 && (*p == 'Q' || *p == 'q') && isdigit((unsigned char)p[1]) && p[2] == '_';
}

bool reference_quant(const char *path, char quant[REFERENCE_ROOM]) {
    const char *name = base_name(path);
    bool found = false;
    for (const char *p = name; *p; p += strspn(p, "-.")) {      /* the last one counts: a base model's name may have one too */
        const size_t n = strcspn(p, "-.");
        if (is_quant(p, n) && n < REFERENCE_ROOM) {
            snprintf(quant, REFERENCE_ROOM, "%.*s", (int)n, p);
            found = true;
        }
        p += n;
    }
    return found;
}

bool reference_is_safe_path(const char *path) {
    if (!*path) return false;
    for (const char *p = path; ; p++) {                         /* p: where a component starts */
        const size_t n = strcspn(p, "/");
        if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) return false;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)p[i] < 32 || p[i] == 127 || p[i] == '\\') return false;
        p += n;
        if (!*p) return true;
    }
}
