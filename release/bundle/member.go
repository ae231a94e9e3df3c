package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"polity/city"
	"polity/ledger/proof"
	"polity/ledger/roster"
)

// Names of members.
const (
	sumsName     = "SHA256SUMS"
	sigName      = "SHA256SUMS.sig"
	recordName   = "bundle.json"
	pemName      = "office.pem"
	openingsName = "openings.json"
	htmlName     = "report.html"
	pdfName      = "report.pdf"
	viewsName    = "views.log"

	clips    = "clips"
	proofs   = "proofs"
	rosters  = "rosters"
	segments = "segments"
)

// Bounds.
const (
	MaxMembers = 16_384
	maxName    = 96
	maxMember  = 1<<32 - 2 // in ZIP 2^32-1 says that the size stands elsewhere
	maxSums    = 4 << 20
	maxRecord  = 16 << 20
	maxReport  = 16 << 20
	maxViews   = 64 << 20
	maxHeaders = 256 << 20
	maxSmall   = 64 << 10
)

// member is what a name stands for.
type member struct {
	folder string    // empty: none
	camera city.Slug // of clips and segments
	end    string    // mp4, proof, headers, ...
	number int       // of a roster, or a clip's part
	most   int64     // bytes
}

// memberOf says what a name stands for. The error is of kind Invalid.
func memberOf(name string) (m member, err error) {
	bad := func() (member, error) {
		return member{}, city.Errorf(city.Invalid, "%.100q is no name of a file in a bundle", name)
	}
	if len(name) > maxName || !allowed(name) {
		return bad()
	}
	switch name {
	case recordName:
		return member{most: maxRecord}, nil
	case openingsName, pemName:
		return member{most: maxSmall}, nil
	case htmlName, pdfName:
		return member{most: maxReport}, nil
	case viewsName:
		return member{most: maxViews}, nil
	}
	folder, file, ok := strings.Cut(name, "/")
	first, end, dot := strings.Cut(file, ".")
	if !ok || !dot || first == "" || strings.Contains(file, "/") {
		return bad()
	}
	m = member{folder: folder, end: end}
	switch folder {
	case clips:
		m.camera, m.most, m.number = city.Slug(first), maxMember, 1
		if part, rest, more := strings.Cut(end, "."); more {
			n, isPart := strings.CutPrefix(part, "part")
			if m.number, err = strconv.Atoi(n); err != nil || !isPart || m.number < 2 || fmt.Sprintf("%03d", m.number) != n || len(n) > 3 {
				return bad()
			}
			m.end = rest
		}
		ok = m.end == "mp4" && m.camera.Check() == nil
	case proofs:
		m.most, ok = proof.MaxSize, end == "proof"
	case rosters:
		m.number, err = strconv.Atoi(first)
		m.most, ok = roster.MaxSize, end == "roster" && err == nil && m.number > 0 && strconv.Itoa(m.number) == first
	case segments:
		m.camera, m.most = city.Slug(first), maxHeaders
		ok = (end == "headers" || end == "hours") && m.camera.Check() == nil
	default:
		ok = false
	}
	if !ok {
		return bad()
	}
	return m, nil
}

// allowed says whether a name has only what names may have, so that no program puts it
// anywhere but in the folder that it is unpacked to.
func allowed(name string) bool {
	part := true // a part begins here
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			part = false
		case (c == '.' || c == '_' || c == '-') && !part:
		case c == '/' && !part:
			part = true
		default:
			return false
		}
	}
	return !part
}

// order puts names in the order of a bundle's ZIP file.
func order(names []string) []string {
	first := map[string]int{sumsName: 2, sigName: 1}
	return slices.SortedFunc(slices.Values(names), func(a, b string) int {
		return cmp.Or(first[b]-first[a], cmp.Compare(a, b))
	})
}
