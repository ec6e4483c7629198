"""Where small zh<->en translators are trained, distilled, measured and exported."""
