package export

import (
	"polity/city"
	"polity/ledger/canonical"
)

// Record says how film was derived: the part of bundle.json that export knows.
type Record struct {
	Clips   []ClipRecord // rising by file
	Decoder Tool
	Encoder Tool
	Mask    Mask
}

// Tool is a program that took part.
type Tool struct {
	Arguments string `json:"arguments"`
	Program   string `json:"program"`
	Version   string `json:"version"`
}

// ClipRecord is one file of film. Times are milliseconds since 1970.
type ClipRecord struct {
	Camera       city.Slug      `json:"camera"`
	File         string         `json:"file"`
	First        int64          `json:"first"` // sequence of the first segment
	From         int64          `json:"from"`
	Grey         int64          `json:"grey"` // pictures that were put in
	Height       int64          `json:"height"`
	Last         int64          `json:"last"` // sequence of the last segment
	Marks        []Mark         `json:"marks"`
	Pictures     int64          `json:"pictures"` // grey ones too
	PicturesHash canonical.Hash `json:"pictures_hash"`
	Problems     []Problem      `json:"problems"`
	Segments     int64          `json:"segments"` // that were used, from First to Last
	To           int64          `json:"to"`       // excluded
	Width        int64          `json:"width"`
}

// Problem is why something is grey.
type Problem struct {
	Sequence int64 `json:"sequence"` // of the segment, or of the one after what is missing; 0: of none
	What     What  `json:"what"`
}

// What is a word for why something is grey.
type What string

// The words.
const (
	Missing    What = "missing"    // the recorder had a segment here that the case has not
	Unreadable What = "unreadable" // the segment does not open
	Undecoded  What = "undecoded"  // a picture or more of the segment do not decode
	Gap        What = "gap"        // nothing was recorded
)

// Check reports a word that is none of these.
func (w What) Check() error {
	switch w {
	case Missing, Unreadable, Undecoded, Gap:
		return nil
	}
	return city.Errorf(city.Invalid, "%.40q is no reason for grey that this version knows", string(w))
}
