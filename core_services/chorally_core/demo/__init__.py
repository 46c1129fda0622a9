"""The main job, shown with a sandbox in place of the real platform."""
