package frame

// Viewer is what the one who asks may see of the camera that a page is about. The zero Viewer is the public: place,
// counts and public events, late and suppressed.
type Viewer struct {
	Counts  bool // counts of this minute, every event
	Live    bool // the live scene with marks
	Back    bool // the place before it is public
	Edit    bool // zones, lines and ground
	Operate bool // the system page
	// Purpose is set when nothing but a stated purpose is missing for looks.
	Purpose bool
}

// Public reports whether the viewer has no right beyond anyone's.
func (v Viewer) Public() bool { return v == Viewer{} }
