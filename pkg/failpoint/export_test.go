package failpoint

// OnKill makes s call kill instead of ending the process.
func (s *Set) OnKill(kill func()) {
	s.kill = func() error {
		kill()
		return nil
	}
}
