from isocenter.report import Study, pick_cases, render
