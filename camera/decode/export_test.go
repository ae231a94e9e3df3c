package decode

// KillDecoder kills the running ffmpeg.
func (d *Decoder) KillDecoder() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil {
		d.current.Kill()
	}
}
