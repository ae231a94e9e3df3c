package street

import (
	"testing"
	"time"
)

// Quick sets how often the service looks, and made-up cabinets speak, until the test ends.
func Quick(t *testing.T, look, speak time.Duration) {
	wasLook, wasSpeak := lookEach, playEvery
	t.Cleanup(func() { lookEach, playEvery = wasLook, wasSpeak })
	lookEach, playEvery = look, speak
}

// Cut takes a made-up cabinet's supply away.
func (s *Service) Cut(group string, cut bool) { s.play.field.Cut(group, cut) }
