package lighting

import (
	"slices"

	"polity/city"
)

// Class is a lighting class of EN 13201-2:2015.
type Class struct {
	Name string
	// Luminance of the dry road (cd/m²) for M classes, else horizontal illuminance
	// (lx): the mean that is maintained.
	Mean float64
	// Least illuminance (lx) of P classes; 0: the class names a uniformity instead.
	Least float64
	// Overall uniformity of M and C classes; 0: the class names a least value.
	Uniformity float64
	// Lengthwise uniformity, threshold increment (%) and edge illuminance ratio of M
	// classes.
	Lengthwise, Glare, Edge float64
}

// Classes returns the classes of EN 13201-2:2015: table 1 (M, roads for motor
// traffic), table 2 (C, conflict areas) and table 3 (P, people on foot and bicycles).
// P7 names no values.
func Classes() []Class {
	return []Class{
		{"M1", 2.00, 0, 0.40, 0.70, 10, 0.35},
		{"M2", 1.50, 0, 0.40, 0.70, 10, 0.35},
		{"M3", 1.00, 0, 0.40, 0.60, 15, 0.30},
		{"M4", 0.75, 0, 0.40, 0.60, 15, 0.30},
		{"M5", 0.50, 0, 0.35, 0.40, 15, 0.30},
		{"M6", 0.30, 0, 0.35, 0.40, 20, 0.30},
		{Name: "C0", Mean: 50, Uniformity: 0.40},
		{Name: "C1", Mean: 30, Uniformity: 0.40},
		{Name: "C2", Mean: 20, Uniformity: 0.40},
		{Name: "C3", Mean: 15, Uniformity: 0.40},
		{Name: "C4", Mean: 10, Uniformity: 0.40},
		{Name: "C5", Mean: 7.5, Uniformity: 0.40},
		{Name: "P1", Mean: 15, Least: 3},
		{Name: "P2", Mean: 10, Least: 2},
		{Name: "P3", Mean: 7.5, Least: 1.5},
		{Name: "P4", Mean: 5, Least: 1},
		{Name: "P5", Mean: 3, Least: 0.6},
		{Name: "P6", Mean: 2, Least: 0.4},
	}
}

// FindClass returns the class of that name.
func FindClass(name string) (Class, error) {
	all := Classes()
	i := slices.IndexFunc(all, func(c Class) bool { return c.Name == name })
	if i < 0 {
		return Class{}, city.Errorf(city.Invalid, "there is no lighting class %q; EN 13201-2 has M1 to M6, C0 to C5 and P1 to P6", name)
	}
	return all[i], nil
}

// dimmed is the part of the installed class's light that another class asks for. The
// uniformities stay when all lamps are dimmed alike, and so mean values decide. It
// fails for another family (M, C, P) and for a class that asks for more.
func dimmed(installed, to Class) (float64, error) {
	switch {
	case installed.Name[0] != to.Name[0]:
		return 0, city.Errorf(city.Invalid, "class %s cannot stand in for %s: their values cannot be compared", to.Name, installed.Name)
	case to.Mean > installed.Mean:
		return 0, city.Errorf(city.Invalid, "class %s asks for more light than the installed %s", to.Name, installed.Name)
	case to.Uniformity > installed.Uniformity || to.Least/to.Mean > installed.Least/installed.Mean+1e-9:
		return 0, city.Errorf(city.Invalid, "class %s asks for more even light than the installed %s", to.Name, installed.Name)
	}
	return to.Mean / installed.Mean, nil
}
