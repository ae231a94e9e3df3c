package docket

// CrashAt lets a test end a change at a named step.
func (d *Docket) CrashAt(f func(step string) error) { d.fault = f }
