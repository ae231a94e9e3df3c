package access

import "polity/city"

// Purpose is what a look is for, from the city's list: a word, so that counts by purpose
// can be public. There is no free text, which could name somebody.
type Purpose struct {
	Name  city.Slug `yaml:"name"`
	Title string    `yaml:"title"` // as pages say it
}

// Purposes are those that apply where a city names none of its own.
func Purposes() []Purpose {
	return []Purpose{
		{"incident", "An incident that is going on"},
		{"public-event", "A public event or gathering"},
		{"traffic", "The flow of traffic"},
		{"works", "Works in the street"},
		{"weather", "Weather, flooding or ice"},
		{"camera-check", "Checking that the camera works"},
	}
}
