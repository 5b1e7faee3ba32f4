/* The pre-tokenisers that Ridge knows: names as GGUF files spell them, and the regular expressions that the models' authors
 * published in tokenizer.json (for PCRE2: \p{sc:Han} where others write \p{Han}).
 *
 * Each pattern is linear. Two differ in spelling, not in meaning, from the published ones to be so: \s+$ would try every
 * start in a run of spaces, so it looks back; and white space is written out, because PCRE2's \s has one character more
 * (U+180E) than Unicode's White_Space. Names whose digit groups need more than that (tiny_aya, superbpe, afmoe) and those
 * with hand-made splitters are left out. */
#include "text/pre_tokenizer.h"
#include <string.h>

/* Inside a class: Unicode's White_Space. */
#define WS "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

#define CONTRACTIONS         "'s|'t|'re|'ve|'m|'ll|'d"
#define CONTRACTIONS_ANYCASE "(?i:" CONTRACTIONS ")"
/* Spaces before a word leave the last one to it. */
#define SPACES               "[" WS "]+(?![^" WS "])|[" WS "]+"
#define LINES                "[" WS "]*[\\r\\n]+"

#define GPT2 CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" SPACES

/* The GPT-4 family differs in how long a group of digits may be. */
#define GPT4(digits) CONTRACTIONS_ANYCASE "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
                     "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" LINES "|" SPACES

#define QWEN35 CONTRACTIONS_ANYCASE "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES "|" SPACES

/* Words in camelCase are cut before a capital; GPT-4o keeps contractions with their word. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CAMEL(after, digits) "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" after "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" after \
                             "|" digits "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*|" LINES "|" SPACES

#define SEED_CODER CONTRACTIONS_ANYCASE "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^" WS "\\p{L}\\p{N}\\r\\n]+|" LINES "|" SPACES
#define BAILING "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^" WS "\\p{L}\\p{N}]++[\\r\\n]*|[" WS "]*[\\r\\n]|" SPACES

#define DEEPSEEK3 "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" \
                  "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINES "|" SPACES

/* Words between spaces and the full stops and commas of several scripts. */
#define BLOOM " ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"

/* deepseek-llm spells its letters out: those with case, of the scripts that have it. */
#define CASED_LETTERS \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}" \
    "\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}" \
    "\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}" \
    "\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}" \
    "\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}" \
    "\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}" \
    "\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}" \
    "\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}" \
    "\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}" \
    "\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}" \
    "\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}" \
    "\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"

#define SPACES_AT_END "(?<![" WS "])[" WS "]++$"
#define DEEPSEEK_CJK  "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"

static const char *const gpt2[]           = { GPT2, NULL };
static const char *const digits_gpt2[]    = { "\\p{N}", GPT2, NULL };
static const char *const gpt4_digits_1[]  = { GPT4("\\p{N}"), NULL };
static const char *const gpt4_digits_3[]  = { GPT4("\\p{N}{1,3}"), NULL };
static const char *const qwen35[]         = { QWEN35, NULL };
static const char *const gpt4o[]          = { CAMEL(CONTRACTIONS_ANYCASE "?", "\\p{N}{1,3}"), NULL };
static const char *const tekken[]         = { CAMEL("", "\\p{N}"), NULL };
static const char *const falcon[]         = { "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]", NULL };
static const char *const by_default[]     = { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]", NULL };
static const char *const bloom[]          = { BLOOM, NULL };
static const char *const viking[]         = { BLOOM, "\\p{N}", NULL };
static const char *const seed_coder[]     = { SEED_CODER, NULL };
static const char *const bailing[]        = { BAILING, NULL };
static const char *const deepseek_coder[] = { "[\\r\\n]", "[" WS "]?\\p{L}+", "[" WS "]?\\p{P}+", DEEPSEEK_CJK, "\\p{N}", NULL };
static const char *const deepseek3[]      = { "\\p{N}{1,3}", "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+", DEEPSEEK3, NULL };
static const char *const deepseek_llm[]   = {
    "[\\r\\n]",
    "[" WS "]?[" CASED_LETTERS "]+",
    "[" WS "]?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+",
    SPACES_AT_END, DEEPSEEK_CJK, "\\p{N}+", NULL,
};

static const pre_tokenizer_kind kinds[] = {
    { .name = "gpt-2",            .patterns = gpt2 },
    { .name = "phi-2",            .patterns = gpt2 },
    { .name = "jais",             .patterns = gpt2 },
    { .name = "gigachat",         .patterns = gpt2 },
    { .name = "exaone4",          .patterns = gpt2 },
    { .name = "mellum",           .patterns = gpt2 },
    { .name = "trillion",         .patterns = gpt2 },
    { .name = "granite-docling",  .patterns = gpt2 },
    { .name = "mpt",              .patterns = gpt2, .normalise = true },
    { .name = "olmo",             .patterns = gpt2, .normalise = true },
    { .name = "smollm",           .patterns = digits_gpt2 },
    { .name = "starcoder",        .patterns = digits_gpt2 },
    { .name = "refact",           .patterns = digits_gpt2 },
    { .name = "codeshell",        .patterns = digits_gpt2 },
    { .name = "exaone",           .patterns = digits_gpt2 },
    { .name = "minerva-7b",       .patterns = digits_gpt2 },
    { .name = "command-r",        .patterns = digits_gpt2, .normalise = true },
    { .name = "llama-bpe",        .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "llama3",           .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "llama-v3",         .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "falcon3",          .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "falcon-h1",        .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "pixtral",          .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "midm-2.0",         .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "lfm2",             .patterns = gpt4_digits_3, .add_bos = true, .ignore_merges = true },
    { .name = "dbrx",             .patterns = gpt4_digits_3 },
    { .name = "smaug-bpe",        .patterns = gpt4_digits_3 },
    { .name = "glm4",             .patterns = gpt4_digits_3 },
    { .name = "chatglm-bpe",      .patterns = gpt4_digits_3 },
    { .name = "qwen2",            .patterns = gpt4_digits_1, .normalise = true },
    { .name = "deepseek-r1-qwen", .patterns = gpt4_digits_1, .normalise = true },
    { .name = "megrez",           .patterns = gpt4_digits_1, .normalise = true },
    { .name = "stablelm2",        .patterns = gpt4_digits_1 },
    { .name = "hunyuan",          .patterns = gpt4_digits_1 },
    { .name = "solar-open",       .patterns = gpt4_digits_1 },
    { .name = "grok-2",           .patterns = gpt4_digits_1 },
    { .name = "qwen35",           .patterns = qwen35, .normalise = true },
    { .name = "gpt-4o",           .patterns = gpt4o },
    { .name = "llama4",           .patterns = gpt4o },
    { .name = "kanana2",          .patterns = gpt4o },
    { .name = "minimax-m2",       .patterns = gpt4o },
    { .name = "tekken",           .patterns = tekken, .add_bos = true, .ignore_merges = true },
    { .name = "falcon",           .patterns = falcon },
    { .name = "default",          .patterns = by_default },
    { .name = "bloom",            .patterns = bloom },
    { .name = "poro-chat",        .patterns = bloom },
    { .name = "gpt3-finnish",     .patterns = bloom },
    { .name = "viking",           .patterns = viking },
    { .name = "seed-coder",       .patterns = seed_coder },
    { .name = "bailingmoe",       .patterns = bailing },
    { .name = "bailingmoe2",      .patterns = bailing },
    { .name = "llada-moe",        .patterns = bailing },
    { .name = "deepseek-llm",     .patterns = deepseek_llm },
    { .name = "deepseek-coder",   .patterns = deepseek_coder },
    { .name = "deepseek-v3",      .patterns = deepseek3 },
    { .name = "hunyuan-dense",    .patterns = deepseek3 },
    { .name = "joyai-llm",        .patterns = deepseek3 },
};

const pre_tokenizer_kind *pre_tokenizer_find(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) if (!strcmp(kinds[i].name, name)) return &kinds[i];
    return NULL;
}

const pre_tokenizer_kind *pre_tokenizer_fallback(void) { return &kinds[0]; }

size_t pre_tokenizer_count(void) { return sizeof kinds / sizeof kinds[0]; }
const pre_tokenizer_kind *pre_tokenizer_at(size_t i) { return &kinds[i]; }
