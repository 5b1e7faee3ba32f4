/* Named events: nothing that degrades a result or its speed happens silently.
 *
 * An event is printed on stderr the first time its (name, text) is seen, counted every time, and can be read back by
 * whoever makes a report. Thread-safe. */
#pragma once
#include <stddef.h>

/*    name                     meaning, as docs and --help print it */
#define EVENTS(X)                                                                                          \
    X(unknown_pre_tokenizer,   "the file names a pre-tokeniser that Ridge does not know")                  \
    X(invalid_utf8,            "text that is not UTF-8 was tokenised by the documented rule")              \
    X(text_lost,               "text had bytes that the vocabulary has no token for; they were left out")   \
    X(patterns_interpreted,    "text is split without machine code for its patterns: same result, slower") \
    X(vocabulary_repaired,     "the file's tokeniser metadata contradicts itself and was repaired")        \
    X(missing_chat_template,   "the file has no chat template; a plain one was used")                      \
    X(unknown_metadata,        "the file has metadata that changes the result and that Ridge ignores")     \
    X(context_shortened,       "the context is smaller than the model was trained for")                    \
    X(context_extended,        "the context is larger than the model was trained for")                     \
    X(threads_limited,         "fewer cores are available than threads were asked for")                    \
    X(not_packed,              "weights are packed just before use (--no-pack): same bits, slower")        \
    X(huge_pages_missing,      "the system gave no huge pages for the weights")                            \
    X(bandwidth_unmeasured,    "the memory bandwidth could not be measured")                               \
    X(ceilings_not_saved,      "the measured ceilings could not be saved and will be measured again")      \
    X(tuning_missing,          "a record of `ridge tune` is missing or has nothing for a model: the ladder ends a rung lower") \
    X(machine_busy,            "something else used the processors while Ridge measured")                  \
    X(tuning_ignored,          "a record of `ridge tune` could not be used: same bits, perhaps slower")    \
    X(format_replaced,         "a tensor's rows do not fit the weight format asked for; a near one was used") \
    X(importance_missing,      "the importance matrix has no entry of a tensor, which was quantised without") \
    X(history_line_skipped,    "a line of a history of benchmarks could not be used")                      \
    X(history_not_saved,       "the chat history could not be saved")                                      \
    X(fallback_download,       "the first source did not answer; another one was used")

typedef enum {
#define EVENT_ENUM(name, meaning) EVENT_##name,
    EVENTS(EVENT_ENUM)
#undef EVENT_ENUM
    EVENT_COUNT
} event_kind;

/* Reports an event. The text is one sentence without a final newline that names what and what to do. */
void event(event_kind kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How often this kind was reported since the process started. */
size_t event_count(event_kind kind);

/* "unknown_pre_tokenizer" and so on. */
const char *event_name(event_kind kind);

/* Sends the text of new events to `sink` instead of stderr; NULL restores stderr. Counting goes on. */
typedef void event_sink(void *user, event_kind kind, const char *text);
void event_redirect(event_sink *sink, void *user);
