package frame

import "strings"

// NavItem is a way to a page.
type NavItem struct {
	Path, Name string
	Here       bool
}

// here marks where the reader is: the longest address that the page lies under.
func here(r *Request, items []NavItem) {
	at := -1
	for i := range items {
		p := items[i].Path
		if (r.URL.Path == p || (p != "/" && strings.HasPrefix(r.URL.Path, p+"/"))) && (at < 0 || len(p) > len(items[at].Path)) {
			at = i
		}
	}
	if at >= 0 {
		items[at].Here = true
	}
}
