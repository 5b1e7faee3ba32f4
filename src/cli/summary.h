/* What a generation was worth: its speed, and the share of the machine's measured memory bandwidth that it means. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include <ridge/ridge.h>

typedef struct {
    ridge_generation g;
    double before_seconds;          /* from the command's start to the generation's: loading, and tokenising */
    double load_seconds;
    double gb_per_s;                /* that decoding moved; 0 where nothing was decoded */
    double ceiling_gb_per_s;        /* the machine's, measured; 0 where it is unknown */
} summary;

/* Measures the bandwidth where this machine's is not known yet, which takes less than 0.4 s. */
summary summary_make(const ridge_model *m, const ridge_generation *g, double before_seconds);
/* One line, without the first token's time where there was none; dimmed where out is a terminal that wants colours. */
void    summary_print(const summary *s, FILE *out);
/* "timings" of --json; NULL without memory. */
json_t *summary_json(const summary *s);
