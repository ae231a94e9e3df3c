package live

// LoadNamed is the index of a load of the network, or -1.
func (s *Service) LoadNamed(name string) int {
	for i := range s.net.Loads {
		if s.net.Loads[i].Name == name {
			return i
		}
	}
	return -1
}
