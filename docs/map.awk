# Draws which folder of src includes which, for ./dev map: a table on stdout, an SVG picture in the file `picture`.
# A folder uses only those above it; an include against that order is marked with "!" and drawn red, on the left.
#   awk -v order="ridge.h base text" -v picture=build/map.svg -f docs/map.awk FILES

function folder_of(path,    parts, n) {
    sub(/^(src|include)\//, "", path)
    n = split(path, parts, "/")
    return parts[1] == "ridge" ? "ridge.h" : parts[1]
}

BEGIN {
    n_nodes = split(order, nodes, " ")
    for (i = 1; i <= n_nodes; i++) rank[nodes[i]] = i
}

FNR == 1 {
    from = folder_of(FILENAME)
    if (!(from in rank)) { nodes[++n_nodes] = from; rank[from] = n_nodes }
    files[from]++
}

{ lines[from]++ }

/^ *# *include *["<][a-z_]*[\/.]/ {
    name = $0
    gsub(/^[^"<]*["<]|[">].*$/, "", name)
    to = folder_of(name)
    if (name !~ /\// && !(name in rank)) next        # a system header, or one of the same folder
    if (to in rank && to != from) uses[from, to]++
}

END {
    printf "%-10s %5s %6s   %s\n", "folder", "files", "lines", "includes"
    for (i = 1; i <= n_nodes; i++) {
        a = nodes[i]
        if (!files[a]) continue
        row[a] = ++shown
        text = ""
        for (j = 1; j <= n_nodes; j++)
            if ((a, nodes[j]) in uses) {
                text = text sprintf("%s%s%s(%d)", text == "" ? "" : " ", j > i ? "!" : "", nodes[j], uses[a, nodes[j]])
                if (j > i) against++
            }
        printf "%-10s %5d %6d   %s\n", a, files[a], lines[a], text
    }
    if (against) printf "\n%d against the order (marked with !)\n", against

    width = 560; step = 52; left = 150; box = 130
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", width, shown * step + 60 > picture
    print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>" > picture
    print "<text x=\"150\" y=\"22\">each folder includes the ones that its lines lead up to</text>" > picture
    for (key in uses) {
        split(key, ends, SUBSEP)
        if (!row[ends[1]] || !row[ends[2]]) continue
        y1 = 30 + row[ends[1]] * step - 26; y2 = 30 + row[ends[2]] * step - 14
        up = rank[ends[2]] < rank[ends[1]]
        x = up ? left + box : left
        reach = (up ? 1 : -1) * (20 + 22 * (row[ends[1]] > row[ends[2]] ? row[ends[1]] - row[ends[2]] : row[ends[2]] - row[ends[1]]))
        printf "<path d=\"M%d %d C%d %d %d %d %d %d\" fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" opacity=\"0.6\"><title>%s includes %s %d times</title></path>\n", \
            x, y1, x + reach, y1, x + reach, y2, x, y2, up ? "#36c" : "#d22", 1 + log(uses[key]), ends[1], ends[2], uses[key] > picture
    }
    for (a in row)
        printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"32\" rx=\"5\" fill=\"#eef3fb\" stroke=\"#36c\"/><text x=\"%d\" y=\"%d\">%s</text><text x=\"%d\" y=\"%d\" font-size=\"10\" fill=\"#555\" text-anchor=\"end\">%d lines</text>\n", \
            left, 30 + row[a] * step - 36, box, left + 8, 30 + row[a] * step - 15, a, left + box - 6, 30 + row[a] * step - 15, lines[a] > picture
    print "</svg>" > picture
}
