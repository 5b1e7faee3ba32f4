/* Python's two ways of formatting text, the parts that templates use: "%s %05.2f" % x and "{} {name:>8}".format(x). */
#pragma once
#include "text/jinja_call.h"

/* %s %r %d %i %u %x %X %o %e %f %g %c %% with flags, width and precision, and %(name)s. */
jinja_value jinja_format_percent(jinja *j, jinja_value format, jinja_value arguments);
/* {} {0} {name} {0.attribute} {0[item]}, !s and !r, and :[[fill]align][sign][0][width][,][.precision][type]. */
jinja_value jinja_format_braces(jinja *j, jinja_value format, const jinja_arguments *a);
