package main

func (r *result) fillPage(path string) error { return nil }
