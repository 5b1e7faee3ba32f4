/* The promise about broken files, for the tests of whatever reads one. */
#pragma once

/* What is wrong with `sentence`, which refuses the file at `path`; NULL where it is as it should be: it begins with the path, names it once, then
 * names the key or the tensor and the offset where that lies in the file, or what the file does not have. */
const char *told_place(const char *sentence, const char *path);
